'use strict';

const { Secant, digest } = require('./secant');

// Threat shares a report that nobody has shared yet, as a sealed one: the ledger
// holds a commitment and nobody looks for the body. Of a green report every node
// would ask the sharer's for a body that there is not, and ask again.
class Threat extends Secant {
    request() {
        return { digest: digest(), marking: 'amber' };
    }
}

module.exports.createWorkloadModule = () => new Threat();
