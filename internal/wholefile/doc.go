// Package wholefile writes files and folders that a reader sees whole or not at all.
//
// What is written has a hidden name beside its place, ".NAME.gopherlens-" and a number, until it is
// complete; then it is renamed. A write that fails leaves what was there before. One that is killed
// leaves its hidden file, too, which the next write in the same folder removes: the writer holds a
// lock that the system drops with the process, so a file that is being written is never taken for
// one that was left.
package wholefile
