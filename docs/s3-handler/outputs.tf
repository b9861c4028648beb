output "function_name" {
  value = aws_lambda_function.handler.function_name
}

output "queue_arn" {
  value = aws_sqs_queue.changes.arn
}

output "dead_letter_queue_url" {
  description = "What could not be cleared; move it back with \"Start DLQ redrive\" when the reason is gone."
  value       = aws_sqs_queue.dead_letters.url
}
