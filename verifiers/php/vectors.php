<?php
// Prints what the verifier says of each of the shared vectors, as JSON.
require __DIR__ . '/PosthornWebhook.php';

$verdicts = [];
foreach (json_decode(file_get_contents(__DIR__ . '/../vectors.json'), true)['vectors'] as $vector) {
    try {
        PosthornWebhook::verify(
            $vector['body'],
            $vector['headers'],
            $vector['secrets'],
            $vector['signature'],
            now: $vector['now'],
        );
        $verdicts[$vector['name']] = 'valid';
    } catch (PosthornWebhookError $error) {
        $verdicts[$vector['name']] = $error->reason;
    } catch (InvalidArgumentException) {
        $verdicts[$vector['name']] = 'secret_invalid';
    }
}
echo json_encode($verdicts), "\n";
