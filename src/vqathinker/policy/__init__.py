"""The policy: prompts, answers, model, generation, scores, and policy folders."""
