// Package threat is the contract of shared threat reports. The ledger holds who
// shared what digest or commitment when, under which marking, and what others
// said of reports that everyone may see; bodies stay on the nodes.
package threat
