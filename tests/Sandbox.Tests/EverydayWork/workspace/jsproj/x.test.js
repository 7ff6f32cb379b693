const t = require("node:test"); t("x", () => {});
