// Package mqtt takes what devices publish by MQTT 5 (OASIS MQTT 5.0; 3.1.1 is
// heard, too): as a broker that they connect to, and as a client of a hospital's own
// broker. A message at QoS 1 is acknowledged when it is durable and in the integrity
// log, and not before.
//
// A device publishes to
//
//	secant/v1/{source}/{device}/readings   one reading, or many as NDJSON
//	secant/v1/{source}/{device}/state      how the device is; retained when it asks for that
//	secant/v1/{source}/{device}/events     alarms, and what else happens to it
//
// where {source} is what its certificate or network is called in the node's
// configuration, and {device} what that source calls the device in the inventory:
// a name is good at one source only, so nobody publishes under another's. All three
// become records of the device. Those of the same source may subscribe to state and
// events, and to
//
//	secant/v1/{source}/{device}/receipts   the receipt of what the device published last
//
// which come at QoS 0: they are news about the record and not the record. The broker
// forwards no readings, and nothing from one source to another.
//
// A message tells its form by its Content Type: application/json (also if it has
// none), application/fhir+json, application/hl7-v2, application/x-ndjson, SenML, or
// another in which readings are taken (gateway/ingest), if it is not too large. User
// properties carry what HTTP has in headers: Content-Encoding, Secant-Seed and
// Secant-Signature, so that readings which a device signed are the same record,
// whichever way they come, and Secant-Sequence and Secant-Made, what the device says of
// its own count and clock. Secant-Id names a message that is not signed: the same one
// sent again is taken once. Without it a redelivery is recognised as long as the
// process runs, and may be a second record afterwards, as QoS 1 allows.
//
// A PUBACK carries the receipt as the user property "receipt", or a reason code and
// what to do about it. QoS 0 is taken like QoS 1 and answered by nothing, so that
// what is refused or comes at a busy moment is lost and only counted. QoS 2 is
// refused: CONNACK says so.
//
// When a connection ends without a DISCONNECT, the last will becomes an event of the
// device, a record that holds it, and is then published as the device asked. A node
// that dies itself publishes no wills.
package mqtt
