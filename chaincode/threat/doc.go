// Package threat is the contract of shared threat reports. The ledger holds who
// shared what digest when, under which marking; bodies stay on the nodes.
package threat
