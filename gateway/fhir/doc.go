// Package fhir speaks FHIR R4 (4.0.1) as a server of devices and of what they
// measure: it takes resources by themselves and in bundles, on the one way of
// readings, and finds them again.
//
// The bytes received are what is hashed, kept and proven. A resource is served with
// the id, the version and the time that the server gave it; $received answers with the
// bytes as they came, and $verify says what is proven about them.
//
// It keeps nothing in a form that says of whom it is: what resources are found by is
// blinded, and the resources themselves lie encrypted with the readings. It deletes
// nothing, and takes no observation under the name of a device that is not this
// organisation's and in service.
package fhir
