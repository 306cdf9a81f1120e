// Package collect takes in what the security tools of an organisation and its feeds of
// intelligence say: from files that it follows, folders, web servers, syslog, TAXII
// servers and MISP feeds, and from those who push. What is read is kept together with how
// far it was read, so that a restart neither loses nor repeats; what is here already, by
// content, is not kept twice. A source that fails is said to, and holds up no other.
//
// What comes is data: it is neither run nor followed. A feed that takes things back takes
// nothing away here.
package collect
