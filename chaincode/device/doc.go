// Package device is the contract of medical devices: their models, releases and
// units, a unit's life from its maker to its last owner, and recalls. Every step
// says who may make it and from which state; nothing leaves a state in which it
// is held but by two persons of two organisations.
package device
