// Decided before anything of the command line or the server is loaded: a runner's memory is for its model.
if (args is ["runner", ..]) return Stoker.Engine.RunnerMain.Run(args[1..], Console.In);
return 0;
