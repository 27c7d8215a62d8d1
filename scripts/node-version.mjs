/** Why a version of Node.js (`20.19.0`) cannot run this; undefined when it can. */
export function refusalOf(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isOld = major < 20 || (major === 20 && minor < 19) || major === 21 || (major === 22 && minor < 12);
  return isOld ? `Posthorn needs Node.js 20.19, or 22.12 or newer; this is ${version}.` : undefined;
}
