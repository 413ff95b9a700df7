"""What commands that answer a question share: predict, measure, save, report; report anew from what was saved."""
