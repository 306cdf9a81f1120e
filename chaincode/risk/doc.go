// Package risk is the contract of risk scores: an organisation scores its own
// units, and names the model and the inputs, so that anyone with the inputs can
// recompute the score.
package risk
