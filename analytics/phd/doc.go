// Package phd reads what personal health devices measure and tell a phone by Bluetooth
// Low Energy, as the Bluetooth SIG's services define it, and says it as FHIR R4
// resources in the form of HL7's Personal Health Device guide (uv/phd 2.0): codes of
// ISO/IEEE 11073-10101 (MDC) and LOINC, units of UCUM, the device's own time brought to
// the phone's clock, and the status that the device reports of itself and its sensor.
//
// What is kept of a device is its characteristic's value, byte for byte, with the
// moment and the device that the phone read it from (Record). The resources are
// derived from that for whoever asks, always the same.
//
// A value that is no number (NaN, NRes, an infinity, a reserved value) is never
// shown as one: its observation has a reason why it is absent.
package phd
