package main

import _ "gopherlens/internal/purego" // GoMLX's pure Go backend, always there
