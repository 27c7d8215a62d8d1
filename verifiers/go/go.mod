module posthorn.dev/webhook

go 1.21
