# frozen_string_literal: true

# Prints what the verifier says of each of the shared vectors, as JSON.
require "json"
require_relative "posthorn_webhook"

vectors = JSON.parse(File.read(File.join(__dir__, "..", "vectors.json"), encoding: "utf-8")).fetch("vectors")
verdicts = vectors.to_h do |vector|
  PosthornWebhook.verify(
    vector["body"], vector["headers"], vector["secrets"], signature: vector["signature"], now: vector["now"]
  )
  [vector["name"], "valid"]
rescue PosthornWebhook::Error => e
  [vector["name"], e.reason]
rescue ArgumentError
  [vector["name"], "secret_invalid"]
end
puts JSON.generate(verdicts)
