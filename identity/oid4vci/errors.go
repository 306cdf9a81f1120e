package oid4vci

import "net/http"

// Error is an answer of the protocol's own that says no. It repeats nothing of
// what was submitted.
type Error struct {
	Code        string // "error": a word of the standard that defines the endpoint
	Description string // "error_description": for developers, of ASCII
	Status      int    // HTTP
	Nonce       string // DPoP-Nonce header; empty: none
	Challenge   string // scheme of the WWW-Authenticate header; empty: none
}

// Error returns code and description.
func (e *Error) Error() string { return e.Code + ": " + e.Description }

// The codes, with the standards that define them.
const (
	// RFC 6749, sections 4.1.2.1 and 5.2.
	CodeInvalidRequest   = "invalid_request"
	CodeInvalidClient    = "invalid_client"
	CodeInvalidGrant     = "invalid_grant"
	CodeUnsupportedGrant = "unsupported_grant_type"
	CodeUnsupportedType  = "unsupported_response_type"
	CodeInvalidScope     = "invalid_scope"
	CodeAccessDenied     = "access_denied"
	CodeServerError      = "server_error"
	CodeUnavailable      = "temporarily_unavailable"
	// RFC 9396, section 5.
	CodeInvalidDetails = "invalid_authorization_details"
	// RFC 6750, section 3.1.
	CodeInvalidToken = "invalid_token"
	// RFC 9449, sections 5 and 8.
	CodeInvalidDPoP  = "invalid_dpop_proof"
	CodeUseDPoPNonce = "use_dpop_nonce"
	// Section 8.3.1.
	CodeInvalidCredentialRequest = "invalid_credential_request" //nolint:gosec // a word of the standard, no secret
	CodeUnknownConfiguration     = "unknown_credential_configuration"
	CodeUnknownIdentifier        = "unknown_credential_identifier"
	CodeInvalidProof             = "invalid_proof"
	CodeInvalidNonce             = "invalid_nonce"
	CodeInvalidEncryption        = "invalid_encryption_parameters"
	CodeRequestDenied            = "credential_request_denied"
	// Section 9.3.
	CodeInvalidTransaction = "invalid_transaction_id"
	// Section 11.3.
	CodeInvalidNotification        = "invalid_notification_id"
	CodeInvalidNotificationRequest = "invalid_notification_request"
)

func refuse(code, description string) *Error {
	return &Error{Code: code, Description: description, Status: http.StatusBadRequest}
}

// refuseClient is the answer to a wallet that does not show who it is.
func refuseClient(description string) *Error {
	return &Error{Code: CodeInvalidClient, Description: description, Status: http.StatusUnauthorized}
}
