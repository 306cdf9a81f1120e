// Package dicom reads of DICOM files (PS3.10) what tells one image from another and
// which device made it, and the digest of their bytes, in one pass and in constant
// memory; and it reads and writes the DICOM JSON model (PS3.18, annex F) as far as
// that is needed. It keeps no pixels, and nothing that says whose image it is.
package dicom
