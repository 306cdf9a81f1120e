// Package device is the contract of medical devices: manufacturers register
// models, releases and units; the hospital that owns a unit puts it into
// service.
package device
