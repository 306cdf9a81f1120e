'use strict';

const { Secant, digest } = require('./secant');

// Threat shares a report that nobody has shared yet.
class Threat extends Secant {
    request() {
        return { digest: digest(), marking: 'green', mediaType: 'application/stix+json;version=2.1', size: 1024 };
    }
}

module.exports.createWorkloadModule = () => new Threat();
