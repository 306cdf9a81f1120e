// Package local keeps private keys in files, encrypted: the key store of a node
// without a hardware module. Signing keys are made, wrapped and used by the local
// key management of aries-framework-go (kms/localkms, crypto/tinkcrypto) under
// its master lock (secretlock/local, HKDF and AES-256-GCM).
//
// A folder holds "master.json", the random master key encrypted under what is
// derived from the operator's secret, and one file for each generation of a key.
// Each file is sealed once more by the master key together with what its name
// says, so that no file can stand in for another. Files appear whole or not at
// all, are never changed, and are never made anew in place of one that cannot be
// read: that would hide a loss. The folder needs a file system with hard links.
//
// HKDF does not slow down guessing. The secret must be random, not a password
// that somebody made up: MinSecret asks for no less than 32 characters.
package local
