'use strict';

const { Secant, digest } = require('./secant');

// Model registers a device model under a UDI-DI of its own.
class Model extends Secant {
    request() {
        return { di: 'CALIPER-' + digest().slice(0, 32), name: 'Bedside monitor', modelNumber: 'BM-1', riskClass: 'IIb' };
    }
}

module.exports.createWorkloadModule = () => new Model();
