// Package desk is where an organisation issues the credentials of the catalogue,
// in every format that a type has, and takes them back: it gives each a place in
// the organisation's status list, and publishes the list anew, with the digest on
// the ledger, when a status changes or an edition nears its end. BBS+ credentials
// have no place there, and end soon instead.
//
// To whom a credential goes is decided before: the desk is handed claims and the
// holders' keys. It keeps no claim and no name.
package desk
