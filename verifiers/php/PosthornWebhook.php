<?php

declare(strict_types=1);

/** A request is not to be trusted: answer 400. */
final class PosthornWebhookError extends RuntimeException
{
    /** @param string $reason header_missing, header_malformed, timestamp_too_old, timestamp_too_new, signature_mismatch */
    public function __construct(public readonly string $reason, string $message)
    {
        parent::__construct($message);
    }
}

/**
 * Verifies webhooks: Standard Webhooks, or the signature rules of another contract. One file, to copy.
 *
 *     PosthornWebhook::verify(file_get_contents('php://input'), getallheaders(), getenv('WEBHOOK_SECRET'));
 */
final class PosthornWebhook
{
    public const STANDARD = ['scheme' => 'standard-webhooks'];
    /** Nobody signs with so many secrets at a time: a longer list is there to keep the processor busy. */
    private const SIGNATURES_MAX = 20;

    /**
     * Returns when the request verifies.
     *
     * @param string $body as it arrived, byte for byte
     * @param array<string, string> $headers
     * @param string|string[] $secrets one, or several during a rotation
     * @param array<string, mixed> $signature of the contract
     * @throws PosthornWebhookError
     * @throws InvalidArgumentException for a secret that is none of the contract
     */
    public static function verify(
        string $body,
        array $headers,
        string|array $secrets,
        array $signature = self::STANDARD,
        int $tolerance = 300,
        ?int $now = null,
    ): void {
        $headers = array_change_key_case($headers);
        $keys = array_map(fn (string $secret) => self::key($secret, $signature), (array) $secrets);
        [$content, $signatures, $at] = self::read($body, $headers, $signature);
        if ($at !== null) {
            $age = ($now ?? time()) - $at;
            if ($age > $tolerance) {
                throw new PosthornWebhookError('timestamp_too_old', "The request was signed $age s ago.");
            }
            if ($age < -$tolerance) {
                throw new PosthornWebhookError('timestamp_too_new', 'The request was signed in the future.');
            }
        }
        foreach (array_slice($signatures, 0, self::SIGNATURES_MAX) as [$kind, $value]) {
            foreach ($keys as [$keyKind, $key]) {
                if ($kind === $keyKind && self::fits($kind, $key, $content, $value, $signature)) {
                    return;
                }
            }
        }
        throw new PosthornWebhookError('signature_mismatch', 'Another secret, or not byte for byte the body that arrived.');
    }

    private static function read(string $body, array $headers, array $rules): array
    {
        $header = $rules['header'] ?? 'webhook-signature';
        if ($rules['scheme'] === 'standard-webhooks') {
            // svix-id goes with svix-signature.
            $prefix = substr($header, 0, -strlen('signature'));
            $id = self::required($headers, $prefix . 'id');
            $timestamp = self::required($headers, $prefix . 'timestamp');
            $given = self::required($headers, $header);
            $at = self::seconds($timestamp, $prefix . 'timestamp');
            $signatures = [];
            foreach (explode(' ', $given) as $entry) {
                [$version, $text] = explode(',', $entry, 2) + [1 => ''];
                $value = self::decode($text, 'base64');
                if ($value !== null && in_array($version, ['v1', 'v1a'], true)) {
                    $signatures[] = [$version === 'v1' ? 'hmac' : 'ed25519', $value];
                }
            }
            if ($signatures === []) {
                throw self::malformed($header);
            }
            return ["$id.$timestamp.$body", $signatures, $at];
        }
        $given = trim(self::required($headers, $header));
        if ($rules['scheme'] === 'hmac') {
            $prefix = $rules['prefix'] ?? '';
            $value = str_starts_with($given, $prefix)
                ? self::decode(substr($given, strlen($prefix)), $rules['encoding'])
                : null;
            if ($value === null) {
                throw self::malformed($header);
            }
            return [$body, [['hmac', $value]], null];
        }
        if ($rules['scheme'] === 'timestamped-hmac') {
            $timestamp = '';
            $version = ($rules['version'] ?? 'v1') . '=';
            $signatures = [];
            foreach (array_map('trim', explode(',', $given)) as $entry) {
                if ($timestamp === '' && str_starts_with($entry, 't=')) {
                    $timestamp = substr($entry, 2);
                }
                $value = str_starts_with($entry, $version) ? self::decode(substr($entry, strlen($version)), $rules['encoding']) : null;
                if ($value !== null) {
                    $signatures[] = ['hmac', $value];
                }
            }
            if ($signatures === []) {
                throw self::malformed($header);
            }
            return ["$timestamp.$body", $signatures, self::seconds($timestamp, $header)];
        }
        throw new InvalidArgumentException('This contract does not sign.');
    }

    private static function key(string $secret, array $rules): array
    {
        if ($rules['scheme'] === 'standard-webhooks') {
            $isPublic = str_starts_with($secret, 'whpk_');
            $value = self::decode(self::padded(substr($secret, $isPublic ? 5 : 6)), 'base64');
            if (!$value || ($isPublic && strlen($value) !== SODIUM_CRYPTO_SIGN_PUBLICKEYBYTES) || (!$isPublic && !str_starts_with($secret, 'whsec_'))) {
                throw new InvalidArgumentException('A secret is whsec_ or whpk_ and base64.');
            }
            return [$isPublic ? 'ed25519' : 'hmac', $value];
        }
        $own = $rules['secret'];
        $prefix = $own['prefix'] ?? '';
        $value = null;
        if (str_starts_with($secret, $prefix)) {
            $text = substr($secret, strlen($prefix));
            $value = $own['key'] === 'text'
                ? $secret
                : self::decode($own['encoding'] === 'base64' ? self::padded($text) : $text, $own['encoding']);
        }
        // Anybody can sign with an empty secret.
        if ($value === null || $value === '') {
            throw new InvalidArgumentException("A secret of this contract is '$prefix' and {$own['encoding']}.");
        }
        return ['hmac', $value];
    }

    private static function fits(string $kind, string $key, string $content, string $value, array $rules): bool
    {
        if ($kind === 'ed25519') {
            return strlen($value) === SODIUM_CRYPTO_SIGN_BYTES && sodium_crypto_sign_verify_detached($value, $content, $key);
        }
        return hash_equals(hash_hmac($rules['hash'] ?? 'sha256', $content, $key, true), $value);
    }

    private static function required(array $headers, string $name): string
    {
        $value = $headers[strtolower($name)] ?? '';
        if ($value === '') {
            throw new PosthornWebhookError('header_missing', "The request has no header $name.");
        }
        return $value;
    }

    private static function seconds(string $text, string $header): int
    {
        if (!preg_match('/^[0-9]{1,12}$/D', $text)) {
            throw self::malformed($header);
        }
        return (int) $text;
    }

    private static function malformed(string $header): PosthornWebhookError
    {
        return new PosthornWebhookError('header_malformed', "The header $header cannot be read.");
    }

    /** The padding of base64 may be left out of a secret. */
    private static function padded(string $text): string
    {
        return $text . str_repeat('=', (4 - strlen($text) % 4) % 4);
    }

    private static function decode(string $text, string $encoding): ?string
    {
        if ($encoding === 'hex') {
            return preg_match('/^([0-9a-fA-F]{2})*$/D', $text) ? (string) hex2bin($text) : null;
        }
        $bytes = strlen($text) % 4 === 0 ? base64_decode($text, true) : false;
        return $bytes === false ? null : $bytes;
    }
}
