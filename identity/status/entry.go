package status

import (
	"strconv"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// maxEntries bounds how many statuses one credential may have.
const maxEntries = 4

const entryType = "BitstringStatusListEntry"

// Entry is a VCDM credential's place in one Bitstring Status List.
type Entry struct {
	Purpose Purpose
	Index   int
	URI     string // of the list's credential
}

// Claim returns the entry as a member of "credentialStatus" (section 2.1).
func (e Entry) Claim() map[string]any {
	return map[string]any{
		// The data model 1.1 wants an id, and version 2.0 allows one.
		"id": e.URI + "#" + strconv.Itoa(e.Index), "type": entryType, "statusPurpose": string(e.Purpose),
		"statusListIndex": strconv.Itoa(e.Index), "statusListCredential": e.URI,
	}
}

// Entries reads what a verified credential has as its "credentialStatus": one
// object or several in an array, as encoding/json decodes them into an any. A
// status of another type, purpose or size is refused, as nobody here could tell
// what it says of the credential.
func Entries(credentialStatus any) ([]Entry, error) {
	list, ok := credentialStatus.([]any)
	if !ok {
		list = []any{credentialStatus}
	}
	if len(list) == 0 || len(list) > maxEntries {
		return nil, ledger.Problemf(ledger.CodeInvalid, "a credential with a status has 1 to %d", maxEntries)
	}
	var entries []Entry
	for _, v := range list {
		e, err := entryOf(v)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func entryOf(v any) (Entry, error) {
	unknown := invalid("the credential has a status of another kind than a bitstring status list entry for revocation or suspension")
	o, ok := v.(map[string]any)
	if !ok || o["type"] != entryType {
		return Entry{}, unknown
	}
	if size, there := o["statusSize"]; there && size != float64(1) {
		return Entry{}, unknown
	}
	purpose, ok := o["statusPurpose"].(string)
	if !ok {
		return Entry{}, unknown
	}
	e := Entry{Purpose: Purpose(purpose)}
	if _, ok := e.Purpose.status(); !ok {
		return Entry{}, unknown
	}
	if e.URI, ok = o["statusListCredential"].(string); !ok || e.URI == "" {
		return Entry{}, invalid("the credential's status has no list")
	}
	digits, ok := o["statusListIndex"].(string)
	n, err := strconv.ParseUint(digits, 10, 31)
	if !ok || err != nil || strconv.FormatUint(n, 10) != digits {
		return Entry{}, invalid("the credential's place in its status list is no whole number in decimal digits")
	}
	e.Index = int(n)
	return e, nil
}
