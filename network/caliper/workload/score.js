'use strict';

const { Secant, digest } = require('./secant');

// Score publishes risk scores of the units that each caller owns, every one of
// other inputs.
class Score extends Secant {
    async initializeWorkloadModule(...given) {
        await super.initializeWorkloadModule(...given);
        this.units = {};
        const { callers, role } = this.roundArguments;
        let bookmark = '';
        do {
            const page = await this.page(callers[0], role, bookmark);
            for (const unit of page.items) {
                (this.units[unit.owner] ||= []).push(unit.id);
            }
            bookmark = page.next;
        } while (bookmark && callers.some((c) => !this.units[c]));
        // A hospital that has just joined has none yet.
        this.roundArguments.callers = callers.filter((c) => this.units[c]);
        if (!this.roundArguments.callers.length) {
            throw new Error('no device on the ledger belongs to any caller: secant up loads some');
        }
    }

    async page(organisation, role, bookmark) {
        const status = await this.call(organisation, role, 'device:ListUnits', { size: 200, bookmark }, true);
        if (status.GetStatus() !== 'success') {
            throw new Error('the devices on the ledger cannot be listed');
        }
        return JSON.parse(Buffer.from(status.GetResult()).toString());
    }

    request(organisation) {
        const units = this.units[organisation];
        return { subject: units[this.turn % units.length], model: 'caliper/1', inputDigest: digest(), value: this.turn % 10001 };
    }
}

module.exports.createWorkloadModule = () => new Score();
