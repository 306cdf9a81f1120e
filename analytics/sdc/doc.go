// Package sdc reads snapshots of medical devices that speak SDC: the medical data
// information base of BICEPS (ISO/IEEE 11073-10207:2019), as a GetMdibResponse or as an
// Mdib by itself. It says which parts a device has, what they measured and which alerts
// are present, and holds description and states against each other.
//
// Extensions that nobody here knows are passed over; what carries one that must be
// understood (ExtensionPoint.xsd) is said nothing about. Who the device is associated
// with is not read, and no error repeats anything that was read.
package sdc
