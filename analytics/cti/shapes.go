package cti

// shape is what the standard requires of an object type beyond the properties
// that every object has.
type shape struct {
	observable bool     // a STIX Cyber-observable Object: no created, modified (STIX 2.1, section 3.2)
	required   []string // properties
	oneOf      []string // of which at least one is required
}

// shapes holds the required properties of the types of STIX 2.1, sections 4 to 7.
var shapes = map[string]shape{
	"attack-pattern":   {required: []string{"name"}},
	"campaign":         {required: []string{"name"}},
	"course-of-action": {required: []string{"name"}},
	"grouping":         {required: []string{"context", "object_refs"}},
	"identity":         {required: []string{"name"}},
	"incident":         {required: []string{"name"}},
	"indicator":        {required: []string{"pattern", "pattern_type", "valid_from"}},
	"infrastructure":   {required: []string{"name"}},
	"intrusion-set":    {required: []string{"name"}},
	"location":         {oneOf: []string{"region", "country", "latitude", "longitude"}},
	"malware":          {required: []string{"is_family"}},
	"malware-analysis": {required: []string{"product"}},
	"note":             {required: []string{"content", "object_refs"}},
	"observed-data":    {required: []string{"first_observed", "last_observed", "number_observed"}, oneOf: []string{"objects", "object_refs"}},
	"opinion":          {required: []string{"opinion", "object_refs"}},
	"report":           {required: []string{"name", "published", "object_refs"}},
	"threat-actor":     {required: []string{"name"}},
	"tool":             {required: []string{"name"}},
	"vulnerability":    {required: []string{"name"}},

	"relationship": {required: []string{"relationship_type", "source_ref", "target_ref"}},
	"sighting":     {required: []string{"sighting_of_ref"}},

	"language-content":     {required: []string{"object_ref", "contents"}},
	"extension-definition": {required: []string{"name", "schema", "version", "extension_types"}},
	"marking-definition":   {oneOf: []string{"definition", "extensions"}},

	"artifact":             {observable: true, oneOf: []string{"payload_bin", "url"}},
	"autonomous-system":    {observable: true, required: []string{"number"}},
	"directory":            {observable: true, required: []string{"path"}},
	"domain-name":          {observable: true, required: []string{"value"}},
	"email-addr":           {observable: true, required: []string{"value"}},
	"email-message":        {observable: true, required: []string{"is_multipart"}},
	"file":                 {observable: true, oneOf: []string{"hashes", "name"}},
	"ipv4-addr":            {observable: true, required: []string{"value"}},
	"ipv6-addr":            {observable: true, required: []string{"value"}},
	"mac-addr":             {observable: true, required: []string{"value"}},
	"mutex":                {observable: true, required: []string{"name"}},
	"network-traffic":      {observable: true, required: []string{"protocols"}, oneOf: []string{"src_ref", "dst_ref"}},
	"process":              {observable: true},
	"software":             {observable: true, required: []string{"name"}},
	"url":                  {observable: true, required: []string{"value"}},
	"user-account":         {observable: true},
	"windows-registry-key": {observable: true},
	"x509-certificate":     {observable: true},
}
