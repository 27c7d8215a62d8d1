import '@fontsource-variable/inter/wght.css';
import './styles/tokens.css';
import './styles/base.css';
import './styles/layout.css';
import './styles/controls.css';
import './styles/table.css';
import './styles/overlay.css';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { setNonce } from 'get-nonce';
import { lazy, StrictMode, Suspense } from 'react';
import { createRoot } from 'react-dom/client';
import { Route, Router, Switch } from 'wouter';
import { ApiError } from './api.ts';
import { connectionNow, lookAgain, lookWith, onConnection } from './connection.ts';
import { Developers } from './developers.tsx';
import { reportHeight } from './embedding.ts';
import { lookAtSession } from './session-look.ts';
import { onRenewal } from './session-token.ts';
import { LanguageProvider, speak } from './texts/language.tsx';
import { Boundary } from './ui/boundary.tsx';
import { ConnectionBanner } from './ui/connection-banner.tsx';
import { Toasts } from './ui/toasts.tsx';

// Styles that libraries add at run time carry the document's nonce.
setNonce(document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? '');

const Console = lazy(() => import('./console/console.tsx').then((module) => ({ default: module.Console })));

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // Without a network they fail and say so, instead of waiting in silence.
      networkMode: 'always',
      retry: (count, error) =>
        count < 3 && (!(error instanceof ApiError) || error.problem.status === 0 || error.problem.status >= 500),
    },
    mutations: { networkMode: 'always' },
  },
});

lookWith(() => lookAtSession(queries));
onRenewal(() => void lookAgain());
// What failed meanwhile, and what may be old, is read again.
onConnection(() => {
  if (connectionNow() === 'ok') void queries.invalidateQueries({ predicate: ({ meta }) => meta?.isOnce !== true });
});

reportHeight();
await speak(navigator.languages);
const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <LanguageProvider>
        <QueryClientProvider client={queries}>
          <Boundary>
            <Suspense fallback={null}>
              <Switch>
                <Route path="/page/*?">
                  <Router base="/page">
                    <Developers />
                  </Router>
                </Route>
                <Route path="/console/*?">
                  <Router base="/console">
                    <Console />
                  </Router>
                </Route>
              </Switch>
            </Suspense>
          </Boundary>
          <Toasts />
          <ConnectionBanner />
        </QueryClientProvider>
      </LanguageProvider>
    </StrictMode>,
  );
}
