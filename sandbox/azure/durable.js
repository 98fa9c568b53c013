// Azurite keeps its index of blobs in memory and saves it every 5 s: a cloud killed in between would forget objects that
// it had promised to keep. Loaded with `node --require`, before azurite: save within 0.1 s of a change.
const { createRequire } = require("module");
const Loki = createRequire(process.argv[1])("lokijs");
const enable = Loki.prototype.autosaveEnable;
Loki.prototype.autosaveEnable = function (options, callback) {
  this.autosaveInterval = 100;
  return enable.call(this, options, callback);
};
