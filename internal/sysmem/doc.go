// Package sysmem tells how much memory the machine, or the container, has and can still give.
package sysmem
