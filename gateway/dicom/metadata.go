package dicom

import (
	"context"
	"io"

	"github.com/secant-platform/secant/analytics/dicom"
	"github.com/secant-platform/secant/gateway/problem"
)

// metadata takes instances of which the sender computed the digests itself, beside
// the archive that has the files: DICOM JSON, with digest and size as this package's
// private attributes. That a file has this digest is then the sender's word.
func (in *intake) metadata(ctx context.Context, r io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(r, int64(in.Limits.Metadata)+1))
	if err != nil {
		return err //nolint:wrapcheck // judged by bodyError
	}
	instances, err := dicom.ReadMetadata(text, dicom.MetadataTags{Digest: tagDigest, Size: tagSize}, in.Limits.Metadata)
	if err != nil {
		return problem.Malformed("body", "must be DICOM JSON (PS3.18, annex F): an array of data sets, within the bounds")
	}
	for _, i := range instances {
		if err := i.Complete(); err != nil {
			in.results = append(in.results, refused(i, dicom.ReasonIdentity, err.Error()))
			continue
		}
		if i.SHA256 == (dicom.Digest{}) {
			in.results = append(in.results, refused(i, dicom.ReasonIdentity, "the SHA-256 of the file must stand in ("+tagDigest[:4]+","+tagDigest[4:]+")"))
			continue
		}
		if err := in.take(ctx, i); err != nil {
			return err
		}
	}
	return nil
}
