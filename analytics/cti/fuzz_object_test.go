package cti

import "testing"

func FuzzReadEnvelope(f *testing.F) {
	f.Add([]byte(`{"objects":[{"type":"ipv4-addr","id":"ipv4-addr--a1b2c3d4-0000-4000-8000-000000000001","value":"198.51.100.1"}]}`))
	f.Add([]byte(`{"objects":[{"type":"indicator","modified":"2026-11-01T10:00:00Z"},7,null]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		objects, err := ReadEnvelope(b)
		if err == nil && len(objects) == 0 {
			t.Error("an envelope without objects")
		}
		for _, o := range objects {
			if o.Fault == nil && (o.ID == "" || o.Type == "" || len(o.Body) == 0) {
				t.Errorf("%+v", o)
			}
		}
	})
}
