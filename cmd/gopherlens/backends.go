package main

import _ "github.com/gomlx/compute/gobackend" // GoMLX's pure Go backend, always there
