// Package classify labels sentences with techniques (ATT&CK or any other vocabulary's
// ids), each with a probability that was calibrated on documents kept out of training.
//
// It is for text in the language of what it was trained with. A model knows the labels
// of its examples and no others, and one more class: sentences that speak of none. It is
// linear over hashed words and pieces of words, so that a label can be explained by its
// words, trains in minutes on one core and labels thousands of sentences a second.
//
// The same examples, options and seed give the same model, byte for byte: examples have
// an order of their own, every label is trained apart from the others, and no product is
// fused with a sum. It refuses to judge whole documents (a label is a sentence's) and to
// follow anything that a text says.
package classify
