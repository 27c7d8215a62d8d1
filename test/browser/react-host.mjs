// A product that embeds the Developers page as a React component.
import { DevelopersPage } from '@posthorn/embed/react';
import { createElement, useState } from 'react';
import { createRoot } from 'react-dom/client';

function App() {
  const [path, setPath] = useState('/');
  const [isThere, setThere] = useState(true);
  Object.assign(window, { go: setPath, leave: () => setThere(false), path });
  return isThere && createElement(DevelopersPage, { session: () => window.newSession(), path, onPath: setPath });
}

const element = document.createElement('div');
document.body.append(element);
createRoot(element).render(createElement(App));
