// Package check is the one strict verifier: whatever credential somebody presents
// to the platform is judged by Verifier.Verify and by nothing else.
//
// It does no cryptography of its own. How a format is taken apart and its proofs
// are checked is chaincode/verify's and that of the format's package; what stands
// here is policy, the same for every format: which checks there are, that none is
// left out, and in which order they come. A format is one file, which turns a token
// into a presentation.
//
// Whatever a check needs to know is passed in: keys, the trust registry, status
// lists, the time. Where a source does not answer, the credential is refused.
package check
