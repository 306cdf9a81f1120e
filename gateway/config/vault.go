package config

import "strings"

// Vault says where accepted requests are kept. What was acknowledged is always durable
// in the data folder first.
type Vault struct {
	// Objects is where full segments of the vault go, encrypted and without the keys of
	// their requests, which stay: s3://bucket/prefix, with the parameters endpoint (as in
	// https://s3.example.org; default Amazon's), region (default us-east-1) and pathStyle (true where the bucket's name stands in
	// the path), or file:///folder. Default: nowhere, they stay in the data folder.
	Objects string `json:"objects,omitempty"`

	// Credentials is a file, mode 0600, with the lines aws_access_key_id and
	// aws_secret_access_key. Default: the environment's AWS_ACCESS_KEY_ID and
	// AWS_SECRET_ACCESS_KEY.
	Credentials KeyFile `json:"credentials,omitempty"`

	// Keep is how many bytes of full segments stay in the data folder besides, the
	// newest. Default 1 GiB.
	Keep int64 `json:"keep"`

	// Segment is how many bytes a segment has, and so an object: 64 KiB to 4 GiB.
	// Default 64 MiB.
	Segment int64 `json:"segment"`
}

func (v *Vault) faults() []string {
	var faults []string
	if v.Objects != "" && !strings.HasPrefix(v.Objects, "s3://") && !strings.HasPrefix(v.Objects, "file:///") {
		faults = append(faults, "vault.objects begins with s3:// or file:///")
	}
	// Shown in the log, so nothing may stand in it that must not be.
	if place, _, _ := strings.Cut(strings.TrimPrefix(v.Objects, "s3://"), "/"); strings.Contains(place, "@") {
		faults = append(faults, "vault.objects holds no credentials: they stand in vault.credentials or in the environment")
	}
	if v.Keep < 0 {
		faults = append(faults, "vault.keep must not be negative")
	}
	if v.Segment < 64<<10 || v.Segment > 4<<30 {
		faults = append(faults, "vault.segment must be 65536 to 4294967296")
	}
	return faults
}
