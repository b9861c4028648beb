/** The lines of a summary outside its code blocks (https://spec.commonmark.org/0.31.2/#fenced-code-blocks), in quotes too. */
function outsideFences(summary: string): string[] {
  let fence = '';
  return summary.split('\n').filter((line) => {
    const [, mark = '', info = ''] = /^(?:> ?)*(`{3,}|~{3,})([^`]*)$/.exec(line) ?? [];
    if (fence === '') {
      fence = mark;
      return mark === '';
    }
    if (mark !== '' && mark[0] === fence[0] && mark.length >= fence.length && info.trim() === '') {
      fence = '';
    }
    return false;
  });
}

/** What of a summary GitHub reads as Markdown and HTML: all but code blocks and code spans. */
export function markupOf(summary: string): string {
  return outsideFences(summary)
    .map((line) => line.replace(/(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)/g, 'code'))
    .join('\n');
}

/** Links of a summary to anywhere but the AWS console, and all else that GitHub makes of text. */
export function markupOfOthers(summary: string): string[] {
  const markup = markupOf(summary)
    .replace(/\]\(https:\/\/console\.aws\.amazon\.com\/[^)\s]*\)/g, ']()')
    .replace(/\barn:[\w:*/-]+/g, 'arn');
  return (
    markup.match(
      /https?:\/\/|www\.|\]\([^)]|<(?!\/?(?:sub|br|details|summary)>)[a-z!/]|(?<!\w)@\w|\w@\w|(?<!\w)#\d|:[a-z_+-]+:|!\[(?!CAUTION\])/gi,
    ) ?? []
  );
}
