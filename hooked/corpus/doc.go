// Package corpus reads text and gives it as rows of tokens, all of one length: what trainings,
// activation stores and finders of examples go through.
//
// [Contexts] is that sequence of rows. It has a fixed order, can be read again from any row, and has
// a key that says which rows they are, so that work on them can go on where it was interrupted.
package corpus
