import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { asOneFile } from "./build/oneFile.ts";

/** The template of the playground: one file with its script, its styles, its font and ONNX Runtime.
 * The API writes a model into it. */
export default defineConfig({
  plugins: [react(), asOneFile("playground.html")],
  publicDir: false,
  build: {
    outDir: "../app/studio_files",
    emptyOutDir: false, // the pages are built first
    target: "es2023",
    cssTarget: ["chrome125", "firefox128", "safari17.5"],
    // The runtime stays a file, which the plugin compresses.
    assetsInlineLimit: (file) => !file.endsWith(".wasm"),
    cssCodeSplit: false,
    modulePreload: false,
    chunkSizeWarningLimit: 2000,
    rolldownOptions: { input: "playground.html" },
  },
});
