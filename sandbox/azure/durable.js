// Azurite keeps its index of blobs in memory and saves it every 5 s: a cloud killed in between would forget objects that
// it had acknowledged. Loaded with `node --require`, before azurite: a write is answered when the index is on disk.
const http = require("http");
const { createRequire } = require("module");
const Loki = createRequire(process.argv[1])("lokijs");

const databases = new Set();
const enable = Loki.prototype.autosaveEnable;
Loki.prototype.autosaveEnable = function (...args) {
  databases.add(this);
  return enable.apply(this, args);
};

// A save that is under way may have begun before this change: Loki then runs another one before it calls back.
const saved = (database) =>
  new Promise((resolve, reject) => {
    if (!database.autosaveDirty() && !database.throttledSavePending) return resolve();
    database.saveDatabase((error) => (error ? reject(error) : resolve()));
  });

const end = http.ServerResponse.prototype.end;
http.ServerResponse.prototype.end = function (...args) {
  if (this.req.method === "GET" || this.req.method === "HEAD") return end.apply(this, args);
  Promise.all([...databases].map(saved)).then(
    () => end.apply(this, args),
    (error) => this.destroy(error),
  );
  return this;
};
