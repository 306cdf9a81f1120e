'use strict';

const crypto = require('crypto');
const { WorkloadModuleBase } = require('@hyperledger/caliper-core');

// Secant sends one transaction of the chaincode again and again. What differs
// between transactions is the request, which a subclass makes: every request
// names a record of its own, so that none can fail for being there already.
class Secant extends WorkloadModuleBase {
    // callers are the organisations that take turns; each worker starts with another.
    async initializeWorkloadModule(workerIndex, totalWorkers, roundIndex, args, adapter, context) {
        await super.initializeWorkloadModule(workerIndex, totalWorkers, roundIndex, args, adapter, context);
        this.turn = workerIndex;
    }

    // request returns {organisation, request} of the next transaction.
    request(organisation) {
        throw new Error(`no request for ${organisation}`);
    }

    async submitTransaction() {
        const { callers, transaction, role, readOnly } = this.roundArguments;
        const organisation = callers[this.turn++ % callers.length];
        await this.call(organisation, role, transaction, this.request(organisation), readOnly === true);
    }

    // call sends one request in the role of an organisation's node and returns the status.
    async call(organisation, role, transaction, request, readOnly) {
        return this.sutAdapter.sendRequests({
            contractId: 'secant',
            contractFunction: transaction,
            contractArguments: [JSON.stringify(request)],
            invokerMspId: organisation,
            invokerIdentity: role,
            readOnly,
        });
    }
}

// digest makes 32 random bytes in hexadecimal: the form of every digest.
const digest = () => crypto.randomBytes(32).toString('hex');

module.exports = { Secant, digest };
