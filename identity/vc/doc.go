// Package vc makes and checks W3C Verifiable Credentials in the formats that
// other people's wallets and verifiers take:
//
//   - the data model 1.1 as a JWT, and with an Ed25519Signature2020 proof;
//   - the data model 2.0 with a Data Integrity proof, eddsa-rdfc-2022 or, under a
//     key of P-256, ecdsa-rdfc-2019; Open Badges 3.0 are such credentials;
//   - BBS+ (BbsBlsSignature2020), of which a holder shows a part that cannot be
//     linked to another showing;
//   - presentations of all but the last, and Presentation Exchange 2 for wallets
//     that ask no better.
//
// To verify means here the proof and the model, strictly: a proof is there and of
// the expected kind, its key is the one that the issuer has under exactly that id
// for exactly that purpose, the key decides the algorithm, the time fits, and the
// proof covers everything that the document says. Whether the issuer is trusted
// for such a credential, whether it is revoked, and whether its claims follow a
// schema is for the caller to decide from the [Verified] that comes back.
//
// No JSON-LD context is ever fetched: what is not in the [Contexts] is unknown.
// What is refused is a ledger.Problem that repeats nothing of what was submitted.
package vc
