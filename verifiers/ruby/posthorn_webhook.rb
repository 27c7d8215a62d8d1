# frozen_string_literal: true

require "openssl"

# Verifies webhooks: Standard Webhooks, or the signature rules of another contract. One file, to copy.
#
#   PosthornWebhook.verify(request.raw_post, request.headers, ENV.fetch("WEBHOOK_SECRET"))
module PosthornWebhook
  STANDARD = { "scheme" => "standard-webhooks" }.freeze
  # Nobody signs with so many secrets at a time: a longer list is there to keep the processor busy.
  SIGNATURES_MAX = 20
  # What stands before the 32 bytes of an ed25519 key in DER (RFC 8410).
  ED25519_HEAD = ["302a300506032b6570032100"].pack("H*").freeze

  # A request is not to be trusted: answer 400. `reason` is one of header_missing, header_malformed,
  # timestamp_too_old, timestamp_too_new, signature_mismatch.
  class Error < StandardError
    attr_reader :reason

    def initialize(reason, message)
      super(message)
      @reason = reason
    end
  end

  module_function

  # Returns nil when the request verifies.
  #
  # body: the bytes as they arrived. headers: a hash, or those of Rails and Rack (HTTP_WEBHOOK_ID). secrets: one, or several during a rotation.
  # signature: of the contract. tolerance, now: in seconds.
  # Raises Error, and ArgumentError for a secret that is none of the contract.
  def verify(body, headers, secrets, signature: STANDARD, tolerance: 300, now: Time.now.to_i)
    given = headers.to_h { |name, value| [name_of(name), value] }
    keys = Array(secrets).map { |secret| key_of(secret, signature) }
    content, signatures, at = read(body.b, given, signature)
    check_time(now - at, tolerance) if at
    fits = signatures.first(SIGNATURES_MAX).any? do |kind, value|
      keys.any? { |key_kind, key| kind == key_kind && fits?(kind, key, content, value, signature) }
    end
    raise Error.new("signature_mismatch", "another secret, or not byte for byte the body that arrived") unless fits
  end

  def name_of(name)
    name.to_s.downcase.delete_prefix("http_").tr("_", "-")
  end

  def check_time(age, tolerance)
    raise Error.new("timestamp_too_old", "the request was signed #{age} s ago") if age > tolerance
    raise Error.new("timestamp_too_new", "the request was signed in the future") if age < -tolerance
  end

  def read(body, headers, rules)
    header = rules.fetch("header", "webhook-signature")
    case rules.fetch("scheme")
    when "standard-webhooks"
      # svix-id goes with svix-signature.
      prefix = header.sub(/signature\z/i, "")
      id = required(headers, "#{prefix}id")
      timestamp = required(headers, "#{prefix}timestamp")
      given = required(headers, header)
      at = seconds(timestamp, "#{prefix}timestamp")
      signatures = given.split(" ").filter_map do |entry|
        version, text = entry.split(",", 2)
        value = decode(text.to_s, "base64")
        [version == "v1" ? :hmac : :ed25519, value] if value && %w[v1 v1a].include?(version)
      end
      raise malformed(header) if signatures.empty?

      ["#{id}.#{timestamp}.".b + body, signatures, at]
    when "hmac"
      given = required(headers, header).strip
      prefix = rules.fetch("prefix", "")
      value = decode(given.delete_prefix(prefix), rules.fetch("encoding")) if given.start_with?(prefix)
      raise malformed(header) unless value

      [body, [[:hmac, value]], nil]
    when "timestamped-hmac"
      entries = required(headers, header).split(",").map(&:strip)
      timestamp = entries.find { |entry| entry.start_with?("t=") }.to_s.delete_prefix("t=")
      version = "#{rules.fetch("version", "v1")}="
      signatures = entries.filter_map do |entry|
        value = decode(entry.delete_prefix(version), rules.fetch("encoding")) if entry.start_with?(version)
        [:hmac, value] if value
      end
      raise malformed(header) if signatures.empty?

      ["#{timestamp}.".b + body, signatures, seconds(timestamp, header)]
    else
      raise ArgumentError, "this contract does not sign"
    end
  end

  def key_of(secret, rules)
    if rules.fetch("scheme") == "standard-webhooks"
      kind = secret.start_with?("whpk_") ? :ed25519 : :hmac
      value = decode_secret(secret.sub(/\Awh(sec|pk)_/, ""), "base64") if secret.match?(/\Awh(sec|pk)_./)
      raise ArgumentError, "a secret is whsec_ or whpk_ and base64" if value.to_s.empty?

      return [kind, value]
    end
    own = rules.fetch("secret")
    prefix = own.fetch("prefix", "")
    if secret.start_with?(prefix)
      text = secret.delete_prefix(prefix)
      value = own.fetch("key") == "text" ? secret : decode_secret(text, own.fetch("encoding"))
    end
    # Anybody can sign with an empty secret.
    raise ArgumentError, "a secret of this contract is #{prefix} and #{own.fetch('encoding')}" if value.to_s.empty?

    [:hmac, value]
  end

  def fits?(kind, key, content, value, rules)
    if kind == :ed25519
      OpenSSL::PKey.read(ED25519_HEAD + key).verify(nil, value, content)
    else
      expected = OpenSSL::HMAC.digest(rules.fetch("hash", "sha256"), key, content)
      expected.bytesize == value.bytesize && OpenSSL.fixed_length_secure_compare(expected, value)
    end
  rescue OpenSSL::PKey::PKeyError
    false
  end

  def required(headers, name)
    value = headers[name_of(name)].to_s
    raise Error.new("header_missing", "the request has no header #{name}") if value.empty?

    value
  end

  def seconds(text, header)
    raise malformed(header) unless text.match?(/\A[0-9]{1,12}\z/)

    text.to_i
  end

  def malformed(header)
    Error.new("header_malformed", "the header #{header} cannot be read")
  end

  # The padding of base64 may be left out.
  def decode_secret(text, encoding)
    decode(encoding == "base64" ? text + "=" * (-text.length % 4) : text, encoding)
  end

  def decode(text, encoding)
    return (text.match?(/\A(\h{2})*\z/) ? [text].pack("H*") : nil) if encoding == "hex"

    text.unpack1("m0")
  rescue ArgumentError
    nil
  end
end
