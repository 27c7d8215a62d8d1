import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [react()],
  // The document is served below /page and /console alike.
  base: '/',
  html: { cspNonce: '__NONCE__' },
  build: { target: 'es2022', modulePreload: { polyfill: false }, chunkSizeWarningLimit: 420 },
});
