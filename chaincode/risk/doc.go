// Package risk is the contract of risk scores: an organisation scores its own
// units, its own care services and itself, and names the model and the inputs,
// so that anyone with the inputs can recompute the score and say what came out.
package risk
