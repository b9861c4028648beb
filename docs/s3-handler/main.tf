# Clears CloudFront when objects of an S3 bucket change: the resources of template.yaml.

terraform {
  required_version = ">= 1.5"
  required_providers {
    archive = {
      source  = "hashicorp/archive"
      version = ">= 2.4"
    }
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0"
    }
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  distribution_arn = "arn:${data.aws_partition.current.partition}:cloudfront::${data.aws_caller_identity.current.account_id}:distribution/${var.distribution_id}"
  key_filter       = var.prefix == "" ? {} : { object = { key = [{ prefix = var.prefix }] } }
}

resource "aws_s3_bucket_notification" "events" {
  count       = var.send_bucket_events ? 1 : 0
  bucket      = var.bucket
  eventbridge = true
}

resource "aws_cloudwatch_event_rule" "changes" {
  name        = var.name
  description = "Objects of ${var.bucket} that are new, changed or gone"
  event_pattern = jsonencode({
    source        = ["aws.s3"]
    "detail-type" = ["Object Created", "Object Deleted"]
    detail        = merge({ bucket = { name = [var.bucket] } }, local.key_filter)
  })
}

resource "aws_cloudwatch_event_target" "queue" {
  rule = aws_cloudwatch_event_rule.changes.name
  arn  = aws_sqs_queue.changes.arn
}

resource "aws_sqs_queue" "changes" {
  name                    = var.name
  sqs_managed_sse_enabled = true
  # Six times the function's timeout, as Lambda asks for.
  visibility_timeout_seconds = 360
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters.arn
    maxReceiveCount     = 5
  })
}

resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.name}-dead-letters"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 1209600
}

data "aws_iam_policy_document" "queue" {
  statement {
    sid       = "Changes"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.changes.arn]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.changes.arn]
    }
  }
}

resource "aws_sqs_queue_policy" "changes" {
  queue_url = aws_sqs_queue.changes.id
  policy    = data.aws_iam_policy_document.queue.json
}

data "archive_file" "bundle" {
  type        = "zip"
  source_file = var.bundle
  output_path = "${path.root}/.terraform/${var.name}.zip"
}

resource "aws_lambda_function" "handler" {
  function_name    = var.name
  description      = "Clears CloudFront when objects of a bucket change"
  filename         = data.archive_file.bundle.output_path
  source_code_hash = data.archive_file.bundle.output_base64sha256
  handler          = "index.handler"
  runtime          = "nodejs24.x"
  architectures    = ["arm64"]
  memory_size      = 256
  timeout          = 60
  role             = aws_iam_role.handler.arn
  logging_config {
    log_group             = aws_cloudwatch_log_group.handler.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
  environment {
    variables = {
      SITES = jsonencode([{
        bucket         = var.bucket
        prefix         = var.prefix
        pathPrefix     = var.path_prefix
        distributionId = var.distribution_id
        variants       = var.index_variants
      }])
      MAX_PATHS = tostring(var.max_paths)
    }
  }
}

resource "aws_lambda_event_source_mapping" "queue" {
  function_name                      = aws_lambda_function.handler.arn
  event_source_arn                   = aws_sqs_queue.changes.arn
  batch_size                         = 1000
  maximum_batching_window_in_seconds = var.batching_window_seconds
  function_response_types            = ["ReportBatchItemFailures"]
  # The fewest that Lambda allows: more of them would clear the same changes in more calls.
  scaling_config {
    maximum_concurrency = 2
  }
  depends_on = [aws_iam_role_policy.handler]
}

resource "aws_cloudwatch_log_group" "handler" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "handler" {
  statement {
    sid       = "Clear"
    actions   = ["cloudfront:CreateInvalidation"]
    resources = [local.distribution_arn]
  }
  statement {
    sid       = "Receive"
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = [aws_sqs_queue.changes.arn]
  }
  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.handler.arn}:*"]
  }
}

resource "aws_iam_role" "handler" {
  name               = var.name
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "handler" {
  name   = "s3-handler"
  role   = aws_iam_role.handler.id
  policy = data.aws_iam_policy_document.handler.json
}

resource "aws_cloudwatch_metric_alarm" "not_cleared" {
  alarm_name          = "${var.name}-not-cleared"
  alarm_description   = "Changes of ${var.bucket} were given up, so ${var.distribution_id} may serve old objects"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead_letters.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
}

resource "aws_cloudwatch_metric_alarm" "late" {
  alarm_name          = "${var.name}-late"
  alarm_description   = "Changes of ${var.bucket} wait to be cleared in ${var.distribution_id} for more than 15 minutes"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.changes.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 900
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
}
