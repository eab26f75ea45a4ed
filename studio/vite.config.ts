import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { dataUrlsAsFiles } from "./build/dataUrls.ts";

const SERVICE = process.env.MOGGY_URL ?? "http://127.0.0.1:8000";

export default defineConfig({
  // The API writes the prefix of a proxy into the pages' <base>; all addresses are relative to it.
  base: "./",
  plugins: [
    dataUrlsAsFiles(/swagger-ui\.css/, `${import.meta.dirname}/node_modules/.cache/data-urls`),
    react(),
  ],
  build: {
    outDir: "../app/studio_files",
    emptyOutDir: true,
    target: "es2023",
    cssTarget: ["chrome125", "firefox128", "safari17.5"],
    assetsInlineLimit: 0, // the policy of the pages forbids data: addresses
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2000,
    rolldownOptions: { input: ["index.html", "docs.html"] },
  },
  // The service refuses requests whose Origin is not their Host: both stay those of this server.
  server: { proxy: { "^/(v1/|openapi.json)": { target: SERVICE, changeOrigin: false } } },
  test: { include: ["src/**/*.test.{ts,tsx}", "build/*.test.ts"] },
});
